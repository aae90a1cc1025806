# make coverage: what the tests run of our C, and the gate.

.PHONY: coverage

coverage:                     ## what the tests run of our C, with a gate
	$(Q)tools/coverage
