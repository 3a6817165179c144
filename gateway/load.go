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
// be read against one another and against this host. A file is often checked
// elsewhere than where it will run, so what this host would refuse at start is
// a warning, unless here says that it is meant for this host: then it is an
// error, and the balancers' names are looked up as well. Name servers may be
// asked, each name of a file once.
func Check(files []string, o LoadOptions, here bool) Faults {
	most := conf.Warning
	if here {
		most = conf.Error
	}
	var all Faults
	var members []*conf.Config
	for _, f := range files {
		cfg, faults := conf.Load(f, o)
		all = append(all, faults...)
		if len(faults.Errors()) == 0 {
			members = append(members, cfg)
			all = append(all, cfg.CheckHost(conf.SystemResolver{}).OnThisHost(most)...)
		}
	}
	switch {
	case len(files) > 1 && here:
		all = append(all, conf.CheckMembersOn(members, conf.SystemResolver{})...)
	case len(files) > 1:
		all = append(all, conf.CheckMembers(members)...)
	}
	return all
}
