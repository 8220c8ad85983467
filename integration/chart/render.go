// Package chart renders the project's Helm charts with Helm's own library.
package chart

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/openweir/weir/integration/build"
)

// Release is an installation of a chart.
type Release struct {
	// Chart is the name of a folder below deploy/helm.
	Chart string
	// Name and Namespace are what `helm install` is told.
	Name, Namespace string
	// Values are laid over the chart's own.
	Values map[string]any
}

// Dir is the folder of a chart.
func Dir(name string) (string, error) {
	root, err := build.Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "deploy", "helm", name), nil
}

// Render checks the values against the chart's schema and gives the text of
// each manifest by the path of its template.
func Render(r Release) (map[string]string, error) {
	dir, err := Dir(r.Chart)
	if err != nil {
		return nil, err
	}
	loaded, err := loader.LoadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("load chart %s: %w", r.Chart, err)
	}
	options := common.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	values, err := util.ToRenderValues(loaded, r.Values, options, common.DefaultCapabilities)
	if err != nil {
		return nil, fmt.Errorf("merge the values of chart %s: %w", r.Chart, err)
	}
	manifests, err := engine.Render(loaded, values)
	if err != nil {
		return nil, fmt.Errorf("render chart %s: %w", r.Chart, err)
	}
	maps.DeleteFunc(manifests, func(path, text string) bool {
		return !strings.HasSuffix(path, ".yaml") || strings.TrimSpace(text) == ""
	})
	return manifests, nil
}

// Objects are the manifests of a release in the order of their templates.
func Objects(r Release) ([]*unstructured.Unstructured, error) {
	manifests, err := Render(r)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, path := range slices.Sorted(maps.Keys(manifests)) {
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewBufferString(manifests[path]), 4096)
		for {
			object := &unstructured.Unstructured{}
			if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("read manifest %s: %w", path, err)
			}
			if len(object.Object) > 0 {
				objects = append(objects, object)
			}
		}
	}
	return objects, nil
}

// Admission are the objects of an agent's release that say what the API server refuses to
// the agent.
func Admission(r Release) ([]*unstructured.Unstructured, error) {
	objects, err := Objects(r)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		return o.GroupVersionKind().Group != "admissionregistration.k8s.io"
	}), nil
}

// Access are the objects of an agent's release that say who the agent is in
// its cluster and what it may do there.
func Access(r Release) ([]*unstructured.Unstructured, error) {
	objects, err := Objects(r)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
		return o.GetKind() != "ServiceAccount" && o.GroupVersionKind().Group != "rbac.authorization.k8s.io"
	}), nil
}
