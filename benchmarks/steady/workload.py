"""What the image is to hold: every kernel, called as it is when it is measured."""

from steady.kernels import cases

for function, arguments in cases().values():
    function(*arguments)
