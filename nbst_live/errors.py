"""Every error that nbst-live raises on purpose.

    NbstError
    ├── InputError (ValueError)          something the user gave is wrong: a file, a number, a name
    │   ├── SettingError                 a setting out of range, of the wrong type or unknown
    │   └── PictureError                 a picture that cannot be read
    ├── SourceError                      the camera or the clip
    │   ├── SourceStalled (TimeoutError) no frame in time; the next read may bring one
    │   └── SourceEnded (EOFError)       the clip is over
    ├── SinkError                        virtual camera, recording or window
    ├── ModelError                       a model file: missing, changed, not ours
    ├── ProviderError                    an execution provider, or the library it needs, is not there or failed
    ├── MaskError                        the mask could not be computed for a frame
    └── SolverError                      the optimiser diverged or its process ended

Each message says what was got, what was expected and what to do. Only the command line prints them: one line, exit
code 2.
"""


class NbstError(Exception):
    """Base of all errors of this package."""


class InputError(NbstError, ValueError):
    """The user gave something that cannot be used."""


class SettingError(InputError):
    """A setting is out of range, of the wrong type, or unknown."""


class PictureError(InputError):
    """A picture file is missing, broken, too large or not a picture."""


class SourceError(NbstError):
    """The camera or clip cannot be opened or read."""


class SourceStalled(SourceError, TimeoutError):
    """No frame arrived in time; a later read may bring one."""


class SourceEnded(SourceError, EOFError):
    """The clip has no more frames."""


class SinkError(NbstError):
    """A virtual camera, recording or window cannot be opened or written."""


class ModelError(NbstError):
    """A model file is missing, changed or not understood."""


class ProviderError(NbstError):
    """The execution provider asked for, or a library that computes, is not there or failed."""


class MaskError(NbstError):
    """The person mask of one frame could not be computed."""


class SolverError(NbstError):
    """The optimiser diverged, or the solver's process ended."""
