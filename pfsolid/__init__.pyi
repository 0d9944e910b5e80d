from . import materials as materials
from . import theory as theory
from .api import plot as plot
from .api.conductivity import Conductivity as Conductivity
from .api.conductivity import conductivity as conductivity
from .api.growth import Microstructure as Microstructure
from .api.growth import grow as grow
from .api.image import Image as Image
from .api.image import read_image as read_image
from .api.morphology import LabelMorphology as LabelMorphology
from .api.morphology import Morphology as Morphology
from .api.morphology import measure as measure
from .api.morphology import open_morphology as open_morphology
from .api.representative import Representative as Representative
from .api.representative import rev as rev
from .api.run import Run as Run
from .api.run import open_run as open_run
from .api.sweep import Sweep as Sweep
from .api.sweep import open_sweep as open_sweep
from .api.sweep import sweep as sweep
from .errors import CheckpointError as CheckpointError
from .errors import ConvergenceError as ConvergenceError
from .errors import InputError as InputError
from .errors import OutputError as OutputError
from .errors import PfsolidError as PfsolidError
from .errors import PfsolidWarning as PfsolidWarning

__version__: str
