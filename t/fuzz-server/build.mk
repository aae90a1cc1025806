# The whole server under libFuzzer.  Included by the top Makefile.

.PHONY: fuzz-server

fuzz-server:                  ## fuzzes nginx and module together; SECONDS=
	$(Q)t/fuzz-server/run full $(or $(SECONDS),600)
