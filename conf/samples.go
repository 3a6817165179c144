package conf

import "embed"

// Samples holds the two members of the demo cluster, cluster-member-1.xml and
// cluster-member-2.xml.
//
//go:embed cluster-member-1.xml cluster-member-2.xml
var Samples embed.FS
