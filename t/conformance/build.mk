# Conformance: the cases' results as a page.

.PHONY: conformance

conformance: build            ## docs/conformance.md, from HTTP/2 and HTTP/1.1
	$(Q)t/conformance/run
