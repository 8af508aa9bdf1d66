import numpy as np
import twins

print(twins.half_integer(3.0), twins.half(3.0))
print(twins.product_single(1.0), twins.product(1.0))
print(list(twins.ones(3)), list(twins.twos(3)))
print(twins.add_one(1.0), twins.add_two(1.0))
print(twins.lifted_one(4), twins.lifted_two(4))
print(twins.first((twins.Pair(1, 2),)), twins.first((twins.other.Pair(1, 2),)))
print(twins.add_step(1), twins.both(1))
twins.STEP = 2
print(twins.add_step(1.0))
twins.STEP = 1
print(
    twins.with_dtype(2), repr(twins.with_type(0.1)), twins.with_helper(1.0), twins.with_ufunc(1.0)
)
print(twins.large(3), twins.large(np.int32(4)))
print(twins.try_call(twins.raising, 0.0), twins.try_call(twins.silent, 0.0))
print(
    twins.totals(4), twins.is_first(twins.Choice.FIRST), twins.is_first(twins.other.Choice.SECOND)
)
print(
    twins.scaled_value(twins.Double(2)), twins.scaled_value(twins.Triple(2)), twins.Triple(1).scaled
)
print(twins.stub_one(1), twins.stub_two(1))
