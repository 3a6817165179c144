package conf

// Load reads the configuration file at path and all files it names. On errors
// the Config is nil; the diagnostics are complete in both cases.
func Load(path string, o Options) (*Config, Diagnostics) {
	panic("coming")
}
