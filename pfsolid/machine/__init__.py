"""What is installed, whether it works, and the kernels compiled before they are needed."""
