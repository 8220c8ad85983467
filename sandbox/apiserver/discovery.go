package apiserver

import (
	"net/http"
	"runtime"
	"sort"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"

	"github.com/openweir/weir/sandbox/storage"
)

// serveInformation answers what is about the server and not about an object.
// It returns false where the path is none of those.
func (s *Server) serveInformation(w http.ResponseWriter, r *http.Request) bool {
	path := strings.TrimSuffix(r.URL.Path, "/")
	var answer any
	switch path {
	case "/healthz", "/livez", "/readyz":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok"))
		return true
	case "/version":
		answer = version.Info{
			Major: "1", Minor: "37", GitVersion: Version, GitTreeState: "simulated",
			GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH,
		}
	case "/api":
		answer = metav1.APIVersions{
			TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"},
			ServerAddressByClientCIDRs: []metav1.ServerAddressByClientCIDR{},
		}
	case "/apis":
		answer = s.groups()
	default:
		list := s.resourceList(path)
		if list == nil {
			return false
		}
		answer = list
	}
	writeJSON(w, http.StatusOK, answer)
	return true
}

// kinds returns every kind that is served now.
func (s *Server) kinds() []*kind {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append(append([]*kind(nil), s.builtin...), s.custom...)
}

// find returns the kind of a resource, or nil.
func (s *Server) find(resource schema.GroupVersionResource) *kind {
	for _, k := range s.kinds() {
		if k.resource == resource {
			return k
		}
	}
	return nil
}

// builtinKind returns a kind of the server's own by its name in storage.
func (s *Server) builtinKind(collection string) *kind {
	for _, k := range s.builtin {
		if k.collection() == collection {
			return k
		}
	}
	return nil
}

// refreshDefinitions makes the kinds served those of the stored definitions.
func (s *Server) refreshDefinitions() error {
	// Under the store's lock, so that the newest list is the last.
	return s.store.Update(func(tx *storage.Tx) error {
		var kinds []*kind
		for _, object := range tx.List(definitions, "") {
			k, err := definedBy(object)
			if err != nil {
				return err
			}
			kinds = append(kinds, k)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.custom = kinds
		return nil
	})
}

func definedBy(object *storage.Object) (*kind, error) {
	value, err := object.Value()
	if err != nil {
		return nil, err
	}
	return custom(value)
}

// groups answers which API groups there are.
func (s *Server) groups() *metav1.APIGroupList {
	list := &metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{}}
	seen := map[schema.GroupVersion]bool{}
	for _, k := range s.kinds() {
		gv := k.name.GroupVersion()
		if gv.Group == "" || seen[gv] {
			continue
		}
		seen[gv] = true
		one := metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version}
		known := false
		for i := range list.Groups {
			if list.Groups[i].Name == gv.Group {
				list.Groups[i].Versions = append(list.Groups[i].Versions, one)
				known = true
			}
		}
		if !known {
			list.Groups = append(list.Groups, metav1.APIGroup{
				Name: gv.Group, Versions: []metav1.GroupVersionForDiscovery{one}, PreferredVersion: one,
			})
		}
	}
	return list
}

// resourceList answers which resources the group version of a path has; nil
// if there is none.
func (s *Server) resourceList(path string) *metav1.APIResourceList {
	var want schema.GroupVersion
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case len(parts) == 2 && parts[0] == "api":
		want.Version = parts[1]
	case len(parts) == 3 && parts[0] == "apis":
		want = schema.GroupVersion{Group: parts[1], Version: parts[2]}
	default:
		return nil
	}
	list := &metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: want.String(),
	}
	for _, k := range s.kinds() {
		if k.name.GroupVersion() != want {
			continue
		}
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: k.resource.Resource, SingularName: k.singular, Namespaced: k.namespaced,
			Kind: k.name.Kind, Verbs: k.verbs(), ShortNames: k.shortNames,
		})
		if k.status {
			list.APIResources = append(list.APIResources, metav1.APIResource{
				Name: k.resource.Resource + "/status", Namespaced: k.namespaced,
				Kind: k.name.Kind, Verbs: []string{"get", "patch", "update"},
			})
		}
	}
	if len(list.APIResources) == 0 {
		return nil
	}
	sort.Slice(list.APIResources, func(i, j int) bool { return list.APIResources[i].Name < list.APIResources[j].Name })
	return list
}
