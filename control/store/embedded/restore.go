package embedded

import (
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"

	"github.com/openweir/weir/control/store/backup"
)

// Member is the only member of an embedded etcd, as its data directory has it.
func Member() backup.Member {
	return backup.Member{Name: memberName, PeerURL: nobody.String(), Cluster: memberName + "=" + nobody.String(), Token: embed.NewConfig().InitialClusterToken}
}

// DataDir is where the etcd with the directory dir keeps its data.
func DataDir(dir string) string { return filepath.Join(dir, "etcd") }
