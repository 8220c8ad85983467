package agentidentity

import (
	"strings"

	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Bans are the clusters and certificates whose agents are refused.
type Bans struct {
	records *store.Collection[*cmfv1.AgentBan]
}

// Scope is all bans, for a feed.
func (b *Bans) Scope() store.Scope { return b.records.Scope("") }

// Cluster is true if the agents of a cluster are banned.
func (b *Bans) Cluster(at store.Reader, name string) bool {
	return b.records.In(at).Get(clusterKey(name)) != nil
}

// Certificate is true if a certificate is banned, by its serial number in
// hexadecimal digits. The empty one is never banned.
func (b *Bans) Certificate(at store.Reader, serial string) bool {
	return serial != "" && b.records.In(at).Get(certificateKey(serial)) != nil
}

// RequireNone has a transaction committed only if no ban of the cluster or the
// certificate has been stored by then.
func (b *Bans) RequireNone(tx *store.Tx, cluster, serial string) {
	b.records.RequireAbsent(tx, clusterKey(cluster))
	if serial != "" {
		b.records.RequireAbsent(tx, certificateKey(serial))
	}
}

func clusterKey(name string) string { return store.Key("cluster", name) }

// certificateKey is independent of the case of the digits and of leading zeros, as
// openssl prints an even number of capital digits.
func certificateKey(serial string) string {
	return store.Key("certificate", strings.TrimLeft(strings.ToLower(serial), "0"))
}
