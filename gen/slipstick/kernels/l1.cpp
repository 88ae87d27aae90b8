// L1 convolution on columns, and the input gradient of AdderNet (systems.md section 5).
//
// Layouts are row-major: x (N, K, L), w (O, K), y and g (N, O, L), dx (N, K, L). Every function
// works on images [n0, n1) and positions [l0, l1), so that callers can share the work.
// A tile of TILE positions is first packed contiguously: rows that are L apart would share cache
// sets when L is a power of two, and the packed tail may be read beyond L.

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

constexpr int VECTORS = 2;  // vectors of a tile: hides the latency of the additions
constexpr int ROWS = 4;     // rows at once: each loaded vector is used this often

template <typename T> struct Simd {
    typedef T Vector __attribute__((vector_size(BYTES)));
    static constexpr int TILE = VECTORS * BYTES / int(sizeof(T));
};
template <typename T> using Vector = typename Simd<T>::Vector;

// Plain locals, not arrays of T: the compiler keeps them in registers.
template <typename T> struct Tile { Vector<T> part[VECTORS]; };

template <typename T> inline Vector<T> absolute(Vector<T> v) {
    if constexpr (std::is_floating_point_v<T>) {
        using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
        const Bits magnitude = sizeof(T) == 4 ? Bits(0x7fffffff) : Bits(0x7fffffffffffffffLL);
        return (Vector<T>)((Vector<Bits>)v & magnitude);
    } else {
        return v < 0 ? -v : v;
    }
}

template <typename T> inline Vector<T> hard_tanh(Vector<T> v) {
    const Vector<T> one = Vector<T>{} + T(1);
    v = v < one ? v : one;
    return v > -one ? v : -one;
}

template <typename T>
void pack(const T* source, std::int64_t rows, std::int64_t row_stride, std::int64_t count,
          Tile<T>* tiles) {
    for (std::int64_t r = 0; r < rows; ++r) {
        T* target = reinterpret_cast<T*>(tiles + r);
        std::copy(source + r * row_stride, source + r * row_stride + count, target);
    }
}

template <typename T>
void store(const Tile<T>& tile, std::int64_t count, T* target) {
    const T* source = reinterpret_cast<const T*>(&tile);
    std::copy(source, source + count, target);
}

// R rows of y for one tile of x.
template <int R, typename T>
void distance_rows(const Tile<T>* x, const T* w, std::int64_t K, std::int64_t L,
                   std::int64_t count, T* y) {
    Tile<T> sums[R] = {};
    for (std::int64_t k = 0; k < K; ++k)
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < VECTORS; ++v)
                sums[r].part[v] += absolute<T>(x[k].part[v] - w[r * K + k]);
    for (int r = 0; r < R; ++r) store(sums[r], count, y + r * L);
}

template <typename T>
void distance(const T* x, const T* w, T* y, std::int64_t K, std::int64_t O, std::int64_t L,
              std::int64_t n0, std::int64_t n1, std::int64_t l0, std::int64_t l1) {
    std::vector<Tile<T>> tile(K);
    for (std::int64_t n = n0; n < n1; ++n)
        for (std::int64_t l = l0; l < l1; l += Simd<T>::TILE) {
            const std::int64_t count = std::min<std::int64_t>(Simd<T>::TILE, l1 - l);
            pack(x + n * K * L + l, K, L, count, tile.data());
            T* out = y + n * O * L + l;
            std::int64_t o = 0;
            for (; o + ROWS <= O; o += ROWS)
                distance_rows<ROWS>(tile.data(), w + o * K, K, L, count, out + o * L);
            for (; o < O; ++o)
                distance_rows<1>(tile.data(), w + o * K, K, L, count, out + o * L);
        }
}

// R rows of dx for one tile of g; wt is w transposed to (K, O).
template <int R, typename T>
void gradient_rows(const Tile<T>* g, const Tile<T>* x, const T* wt, std::int64_t O,
                   std::int64_t L, std::int64_t count, T* dx) {
    Tile<T> sums[R] = {};
    for (std::int64_t o = 0; o < O; ++o)
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < VECTORS; ++v)
                sums[r].part[v] += g[o].part[v] * hard_tanh<T>(wt[r * O + o] - x[r].part[v]);
    for (int r = 0; r < R; ++r) store(sums[r], count, dx + r * L);
}

template <typename T>
void gradient(const T* g, const T* x, const T* wt, T* dx, std::int64_t K, std::int64_t O,
              std::int64_t L, std::int64_t n0, std::int64_t n1, std::int64_t l0,
              std::int64_t l1) {
    std::vector<Tile<T>> g_tile(O), x_tile(K);
    for (std::int64_t n = n0; n < n1; ++n)
        for (std::int64_t l = l0; l < l1; l += Simd<T>::TILE) {
            const std::int64_t count = std::min<std::int64_t>(Simd<T>::TILE, l1 - l);
            pack(g + n * O * L + l, O, L, count, g_tile.data());
            pack(x + n * K * L + l, K, L, count, x_tile.data());
            T* out = dx + n * K * L + l;
            std::int64_t k = 0;
            for (; k + ROWS <= K; k += ROWS)
                gradient_rows<ROWS>(g_tile.data(), &x_tile[k], wt + k * O, O, L, count,
                                    out + k * L);
            for (; k < K; ++k)
                gradient_rows<1>(g_tile.data(), &x_tile[k], wt + k * O, O, L, count, out + k * L);
        }
}

}  // namespace

#define DISTANCE(NAME, T)                                                                        \
    extern "C" void NAME(const T* x, const T* w, T* y, std::int64_t K, std::int64_t O,           \
                         std::int64_t L, std::int64_t n0, std::int64_t n1, std::int64_t l0,      \
                         std::int64_t l1) {                                                      \
        distance<T>(x, w, y, K, O, L, n0, n1, l0, l1);                                           \
    }

#define GRADIENT(NAME, T)                                                                        \
    extern "C" void NAME(const T* g, const T* x, const T* wt, T* dx, std::int64_t K,             \
                         std::int64_t O, std::int64_t L, std::int64_t n0, std::int64_t n1,       \
                         std::int64_t l0, std::int64_t l1) {                                     \
        gradient<T>(g, x, wt, dx, K, O, L, n0, n1, l0, l1);                                      \
    }

DISTANCE(l1_distance_float32, float)
DISTANCE(l1_distance_float64, double)
DISTANCE(l1_distance_int32, std::int32_t)
DISTANCE(l1_distance_int64, std::int64_t)
GRADIENT(l1_input_gradient_float32, float)
GRADIENT(l1_input_gradient_float64, double)
