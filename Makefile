.DEFAULT_GOAL := help
help:
	@echo "make lab | test | test-oracles | bench | clean"
.PHONY: help
