package gateway

import (
	"io/fs"

	"github.com/kzfast/kzfast/conf"
)

// Samples holds the configurations of the demo cluster's members,
// cluster-member-1.xml and cluster-member-2.xml.
func Samples() fs.FS { return conf.Samples }
