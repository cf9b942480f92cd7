"""Contract tests of the plugin families, for plugins of this package and of others to inherit."""
