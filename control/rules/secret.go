package rules

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// maxSecretBytes is what Kubernetes takes as a Secret.
const maxSecretBytes = 1 << 20

// CheckSecret notes what is wrong with a new secret. The contract has 400 for
// all of it.
func CheckSecret(secret *cmfv1.Secret) error {
	v := checkSecretItself(secret)
	checkSecretData(&v, secret)
	return v.Invalid()
}

// CheckSecretUpdate is CheckSecret for an update, for which the contract has 422
// where the request is well formed but its content cannot be.
func CheckSecretUpdate(secret *cmfv1.Secret) error {
	if err := checkSecretItself(secret).Invalid(); err != nil {
		return err
	}
	var v apierror.Violations
	checkSecretData(&v, secret)
	return v.Unprocessable()
}

func checkSecretItself(secret *cmfv1.Secret) apierror.Violations {
	var v apierror.Violations
	CheckName(&v, "metadata.name", secret.GetMetadata().GetName())
	CheckKind(&v, secret.GetKind(), contract.KindSecret)
	return v
}

// checkSecretData holds the data to what Kubernetes takes as a Secret.
func checkSecretData(v *apierror.Violations, secret *cmfv1.Secret) {
	size := 0
	data := secret.GetSpec().GetData()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		size += len(key) + len(data[key])
		if problems := validation.IsConfigMapKey(key); len(problems) > 0 {
			v.Addf("spec.data[%q]: %s", key, problems[0])
		}
	}
	if size > maxSecretBytes {
		v.Addf("spec.data: must not be larger than %d bytes together", maxSecretBytes)
	}
}

// Masked is a secret as users see it: which values there are, but not what they
// are.
func Masked(secret *cmfv1.Secret, environments []string) *cmfv1.Secret {
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

// CheckSecretMapping notes what is wrong with a secret mapping. Its name is a
// connection secret id, which catalogs choose.
func CheckSecretMapping(mapping *cmfv1.EnvironmentSecretMapping) error {
	var v apierror.Violations
	CheckName(&v, "metadata.name", mapping.GetMetadata().GetName())
	CheckKind(&v, mapping.GetKind(), contract.KindSecretMapping)
	return v.Invalid()
}
