"""From a medium of voxels to its effective conductivity with an error bar; knows no file and no screen."""
