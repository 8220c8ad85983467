package application

import (
	"fmt"

	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// specOf is the parsed specification of an application. It must not be changed.
func specOf(o *store.Object[*storev1.ApplicationRecord]) (openjson.Object, error) {
	return store.Derive(o, func(record *storev1.ApplicationRecord) (openjson.Object, error) {
		spec, err := openjson.Parse(record.GetApplication().GetSpec())
		if err != nil {
			return nil, fmt.Errorf("stored specification of application %s: %w", metadataOf(record).GetName(), err)
		}
		return spec, nil
	})
}

// defaultsOf are the parsed defaults that an environment has for applications. They
// must not be changed.
func defaultsOf(o *store.Object[*cmfv1.Environment]) (openjson.Object, error) {
	return store.Derive(o, func(env *cmfv1.Environment) (openjson.Object, error) {
		defaults, err := openjson.Parse(env.GetFlinkApplicationDefaults())
		if err != nil {
			return nil, fmt.Errorf("defaults of environment %s: %w", env.GetName(), err)
		}
		return defaults, nil
	})
}

// effectiveOf is the parsed specification of an instance. It must not be changed.
func effectiveOf(o *store.Object[*cmfv1.FlinkApplicationInstance]) (openjson.Object, error) {
	return store.Derive(o, func(instance *cmfv1.FlinkApplicationInstance) (openjson.Object, error) {
		effective, err := openjson.Parse(instance.GetStatus().GetSpec())
		if err != nil {
			return nil, fmt.Errorf("specification of instance %s: %w", instance.GetMetadata().GetName(), err)
		}
		return effective, nil
	})
}
