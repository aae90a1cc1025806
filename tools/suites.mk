# Releases of Debian other than this one; tools/suites has the options.

.PHONY: suites

suites:                       ## all of it on bookworm, trixie and sid
	$(Q)tools/suites
