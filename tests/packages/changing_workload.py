import numpy as np
from changing import extending, plain

print(plain.count(1), plain.look_up(0), plain.callers(1), plain.add_setting(1))
print(plain.at(np.arange(3.0), 1), plain.half(3))
print(extending.add_setting(1), extending.call_helper(2), extending.call_chosen(1))
print(extending.call_constant(1), extending.of_integers(1, 2), extending.add_made(1))
print(extending.reduce_from_nothing(np.zeros(0)), extending.full_name(), extending.sign())
print(extending.call_absolute(-1), extending.of_single(1.0), extending.call(extending.single, 1.0))
print(extending.literal_text("block at 0x12"))
