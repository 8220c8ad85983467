package secret

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// maxBytes is how large Kubernetes lets a Secret be.
const maxBytes = 1 << 20

// check says what is wrong with a new secret. The contract has 400 for all of it.
func check(secret *cmfv1.Secret) error {
	v := checkHead(secret)
	checkData(&v, secret)
	return v.Invalid()
}

// checkUpdate is check for an update, for which the contract has 422 where the
// request is well formed but its content cannot be.
func checkUpdate(secret *cmfv1.Secret) error {
	if err := checkHead(secret).Invalid(); err != nil {
		return err
	}
	var v apierror.Violations
	checkData(&v, secret)
	return v.Unprocessable()
}

func checkHead(secret *cmfv1.Secret) apierror.Violations {
	var v apierror.Violations
	validate.Name(&v, "metadata.name", secret.GetMetadata().GetName())
	validate.Kind(&v, secret.GetKind(), contract.KindSecret)
	return v
}

// checkData notes what Kubernetes would refuse as the data of a Secret.
func checkData(v *apierror.Violations, secret *cmfv1.Secret) {
	size := 0
	data := secret.GetSpec().GetData()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		size += len(key) + len(data[key])
		if problems := validation.IsConfigMapKey(key); len(problems) > 0 {
			v.Addf("spec.data[%q]: %s", key, problems[0])
		}
	}
	if size > maxBytes {
		v.Addf("spec.data: must not be larger than %d bytes together", maxBytes)
	}
}

// checkMapping says what is wrong with a mapping. Its name is a connection secret
// id, which catalogs choose.
func checkMapping(mapping *cmfv1.EnvironmentSecretMapping) error {
	var v apierror.Violations
	validate.Name(&v, "metadata.name", mapping.GetMetadata().GetName())
	validate.Kind(&v, mapping.GetKind(), contract.KindSecretMapping)
	return v.Invalid()
}

// masked is a secret as users see it: which values there are, but not what they
// are.
func masked(secret *cmfv1.Secret, environments []string) *cmfv1.Secret {
	data := make(map[string]string, len(secret.GetSpec().GetData()))
	for key := range secret.GetSpec().GetData() {
		data[key] = contract.Mask
	}
	return &cmfv1.Secret{
		ApiVersion: secret.GetApiVersion(),
		Kind:       secret.GetKind(),
		Metadata:   secret.GetMetadata(),
		Spec:       &cmfv1.SecretSpec{Data: data},
		Status:     &cmfv1.SecretStatus{Version: secret.GetStatus().GetVersion(), Environments: environments},
	}
}
