from . import laden

inner = laden.HIDDEN["inner"]
expected = "inner", "an object of data_refused.laden, which is not restored and has no name for it"
