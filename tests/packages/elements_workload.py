import numpy as np
from elements import callbacks, classes, general, stencils, ufuncs, users

reals = np.arange(4.0)
integers = np.arange(4)
# From the narrowest on: what a wider loop takes is not compiled.
for kind in ("i4", "i8", "f4", "f8", "c16"):
    ufuncs.lazy(reals.astype(kind), reals.astype(kind))
ufuncs.lazy(1.0, 2)
for kind in ("i8", "f4", "f8"):
    ufuncs.largest(reals.astype(kind), reals.astype(kind))
ufuncs.checked(reals)
ufuncs.looked_up(integers)
ufuncs.calls_helper(reals)
ufuncs.add_three(integers)
ufuncs.add_half(reals)
ufuncs.difference(reals, reals)
ufuncs.compiled(reals)
ufuncs.caller(reals, reals)
ufuncs.caller(integers, integers)
ufuncs.with_note(integers)
for kind in ("i8", "f4", "f8"):
    general.total(reals.astype(kind), np.zeros((), kind))
general.added(1.0, 2.0, np.zeros(()))
general.caller(reals, np.zeros(4))
callbacks.caller(1.0)
stencils.smooth(reals)
stencils.smooth(reals.astype("f4"))
stencils.smooth(reals, out=np.zeros(4))
stencils.around(np.ones((3, 3)))
stencils.weighted(reals, np.ones(2))
stencils.weighed(reals)
stencils.weigh(1.0)
stencils.caller(reals)
counter = classes.Counter(1.0)
counter.add(2.0), counter.mean, counter.value, counter.count, classes.Counter.twice(1)
classes.use(counter, 1), classes.make(1.0), users.through(1.0), classes.Holder(counter).total()
