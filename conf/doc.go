// Package conf reads the XML file of a gateway member into a checked,
// immutable model with every default filled in.
//
// The file is the predecessor's gateway-config.xml, unchanged; our own
// settings stand in the namespace urn:kzfast:config:1 (prefix kz by
// convention). The contract is spec/config.md; rule ids such as H-1 or U-3 in
// diagnostics are those of its section 14, ids of the form KZ-n are ours (see
// [Rules]).
//
//	bytes ──charset──▶ tokens ──tree──▶ positioned elements
//	   sniff (root, namespace) ▶ substitute ${...} ▶ grammar ▶ resolve ▶ Config
//	                                  │                │          │
//	                                  └── Diagnostics: all faults, with file:line:column
//
// One table, [Registry], names every element, its type, its default and what
// becomes of it. The grammar check runs on that table and the documentation
// is generated from it.
//
// The package opens no socket and asks no name server: [Load] reads the
// configuration file and the files it names. What depends on the host
// (addresses, interfaces, names) is checked by [Config.CheckHost] through a
// [Resolver], and several members' files against one another by
// [CheckMembers].
//
//	c, ds := conf.Load("member.xml", conf.Options{Define: defs})
//	for _, d := range ds { fmt.Fprintln(os.Stderr, d) }
//	if ds.Failed() { os.Exit(255) }
package conf
