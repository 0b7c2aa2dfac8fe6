"""From a model file to a bundle, and from a bundle to its answers: what the API and the command line are made of."""
