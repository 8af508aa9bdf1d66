import tempfile

import numpy as np

with tempfile.TemporaryFile() as file:
    file.write(b"12345678")
    file.flush()
    mapped = np.memmap(file, np.uint8, "r")
part = [mapped[2:4].view(np.ndarray)]
del mapped, file
expected = "part[0]", "an array whose memory is a file"
