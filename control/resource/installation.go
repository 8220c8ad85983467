package resource

import (
	"github.com/google/uuid"

	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// installationKey is the only key of its collection.
const installationKey = "id"

// Installation returns what tells objects of this installation from those of
// others on a cluster. The first transaction to ask creates it.
func (o *Ownership) Installation(tx *store.Tx) string {
	if record := o.installation.Get(tx, installationKey); record != nil {
		return record.Value().GetId()
	}
	record := &storev1.InstallationRecord{Id: uuid.NewString(), Created: Now()}
	o.installation.Put(tx, installationKey, record)
	return record.GetId()
}
