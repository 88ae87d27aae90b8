// The mock's network, as the programs of a port find a generated one.
#include "mock.h"

#define SLIPSTICK_FRAME_BYTES MOCK_FRAME_BYTES
#define SLIPSTICK_RESULT_BYTES MOCK_RESULT_BYTES
#define SLIPSTICK_RESULT_VALUES 3u
#define SLIPSTICK_STAGES MOCK_STAGES
#define slipstick_network mock_model
