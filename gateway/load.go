package gateway

import "github.com/kzfast/kzfast/conf"

// A Config is a member's configuration, read and checked.
type Config = conf.Config

// LoadOptions is what reading a configuration takes besides its file.
type LoadOptions = conf.Options

// Faults is what was found wrong with configurations, each with its place.
type Faults = conf.Diagnostics

// Load reads the configuration of one member and checks it against this host:
// interfaces and, where nothing else can be bound, names. The Config is nil
// when one of the faults is an error.
func Load(file string, o LoadOptions) (*Config, Faults) {
	cfg, faults := conf.Load(file, o)
	if len(faults.Errors()) > 0 {
		return nil, faults
	}
	faults = append(faults, cfg.CheckHost(conf.SystemResolver{})...)
	if len(faults.Errors()) > 0 {
		return nil, faults
	}
	return cfg, faults
}

// Check checks files as 'kzfast check' does: each alone, and all that could
// be read against one another.
func Check(files []string, o LoadOptions) Faults {
	var all Faults
	var members []*conf.Config
	for _, f := range files {
		cfg, faults := conf.Load(f, o)
		all = append(all, faults...)
		if len(faults.Errors()) == 0 {
			members = append(members, cfg)
		}
	}
	if len(files) > 1 {
		all = append(all, conf.CheckMembers(members)...)
	}
	return all
}
