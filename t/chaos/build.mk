# make chaos: faults and promises, SEED= repeats a run; docs/chaos.md.

.PHONY: chaos

chaos: build                  ## nodes under faults, 9 minutes; SEED=, SECONDS=
	$(Q)t/chaos/run $(if $(SEED),--seed $(SEED)) \
	    $(if $(SECONDS),--seconds $(SECONDS)) $(CHAOS)

.PHONY: chaos-bugs

chaos-bugs: build             ## each planted bug is found, 6 minutes
	$(Q)t/chaos/plant --control $(if $(SEED),--seed $(SEED))
