"""The one error users see: what is wrong, why, and what to do about it."""


class SlipstickError(Exception):
    """A failure caused by the user's input or machine, not by a bug of ours.

    Parameters
    ----------
    thing : what is wrong, named as the user knows it (``Layer 'conv1'``, ``File 'm.pt2'``).
    cause : the rule it breaks and the value found.
    fix : what the user can do.
    """

    def __init__(self, thing: str, cause: str, fix: str) -> None:
        super().__init__(f"{thing}: {cause}; {fix}")
        self.thing = thing
        self.cause = cause
        self.fix = fix
