"""Commands that use a trained model, from any folder: `hacm NAME` calls NAME.main of this package."""
