// Package serviceaccount implements the list of service accounts that applications and
// compute pools may name.
package serviceaccount

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/validate"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

const kindName = "ServiceAccountAllowlistEntry"

// The sources of entries.
const (
	seed        = "SEED"
	userAllowed = "USER_ALLOWED"
)

// seededKey is under what the collection of the state says that the entries of the
// service accounts in use have been made.
const seededKey = "seeded"

type item = resource.Item[*cmfv1.ServiceAccountAllowlistEntry]

// Allowlist is the collection of entries, by the name of the service account.
type Allowlist struct {
	store   *store.Store
	watches *resource.Watches
	kind    *resource.Kind[*cmfv1.ServiceAccountAllowlistEntry, *cmfv1.ServiceAccountAllowlistEntry]
	state   *store.Collection[*emptypb.Empty]
	// configured are allowed beside the entries. If nil, everything is allowed.
	configured []string
	inUse      func(at store.Reader) []string
}

// New adds the collection to the store. configured are the service accounts that the
// control plane is configured to allow; if it is nil, the list is not enforced.
func New(s *store.Store, watches *resource.Watches, configured []string) *Allowlist {
	metadata := func(i item) *cmfv1.ObjectMeta { return i.Value().GetMetadata() }
	return &Allowlist{
		store: s, watches: watches, configured: configured,
		inUse: func(store.Reader) []string { return nil },
		state: store.NewCollection[*emptypb.Empty](s, "service-account-allowlist-state"),
		kind: &resource.Kind[*cmfv1.ServiceAccountAllowlistEntry, *cmfv1.ServiceAccountAllowlistEntry]{
			Noun: "Service account allowlist entry", Name: kindName,
			Records:  store.NewCollection[*cmfv1.ServiceAccountAllowlistEntry](s, "service-account-allowlist"),
			Metadata: (*cmfv1.ServiceAccountAllowlistEntry).GetMetadata,
			View:     view,
			List: &query.List[item]{
				Plural:     "service account allowlist entries",
				Name:       func(i item) string { return metadata(i).GetName() },
				UID:        func(i item) string { return metadata(i).GetUid() },
				Sort:       query.Described(metadata, nil),
				Filterable: true,
				Labels:     func(i item) map[string]string { return metadata(i).GetLabels() },
				Message:    query.Descriptor[*cmfv1.ServiceAccountAllowlistEntry](),
			},
		},
	}
}

// view shows no more of the metadata than CMF does.
func view(i item, _ resource.Detail) *cmfv1.ServiceAccountAllowlistEntry {
	entry, metadata := i.Value(), i.Value().GetMetadata()
	return &cmfv1.ServiceAccountAllowlistEntry{
		ApiVersion: entry.GetApiVersion(),
		Kind:       entry.GetKind(),
		Metadata: &cmfv1.ObjectMeta{
			Name: metadata.GetName(), CreationTimestamp: metadata.GetCreationTimestamp(),
			Labels: metadata.GetLabels(), Annotations: metadata.GetAnnotations(),
		},
		Spec:   &cmfv1.ServiceAccountAllowlistEntrySpec{},
		Status: entry.GetStatus(),
	}
}

// SetInUse gives what names the service accounts that resources use, which are in
// packages above this one.
func (a *Allowlist) SetInUse(inUse func(at store.Reader) []string) { a.inUse = inUse }

// Room is what package control registers.
func (a *Allowlist) Room() resource.Room {
	room := resource.Room{
		Kinds: []resource.Registered{a.kind},
		Register: func(server grpc.ServiceRegistrar) {
			cmfv1.RegisterServiceAccountAllowlistServiceServer(server, &service{Allowlist: a})
		},
	}
	if a.configured != nil {
		room.Duties = append(room.Duties, a.seed)
	}
	return room
}

// Check notes the service accounts in the effective specification of a Flink cluster that
// are not allowed. field is the path of the specification. The transaction is committed
// only if none of the entries that it relies on is deleted meanwhile.
func (a *Allowlist) Check(tx *store.Tx, field string, spec openjson.Object) error {
	if a.configured == nil {
		return nil
	}
	var v apierror.Violations
	for _, account := range flinkspec.ServiceAccounts(spec) {
		if slices.Contains(a.configured, account.Name) || a.kind.Records.Get(tx, store.Key(account.Name)) != nil {
			continue
		}
		v.Addf("%s.%s: service account '%s' is not allowed: it is neither among those of --service-account-allowlist nor has it an entry in service-account-allowlist-entries", field, account.Field, account.Name)
	}
	return v.Unprocessable()
}

// seed makes entries for the service accounts that are in use when the list is enabled
// for the first time, so that what uses them can be changed.
func (a *Allowlist) seed(ctx context.Context) error {
	// What the leader before wrote has to be seen.
	if _, err := a.store.View(ctx); err != nil {
		return err
	}
	_, err := a.store.Update(ctx, func(tx *store.Tx) error {
		if a.state.Get(tx, seededKey) != nil {
			tx.Discard()
			return nil
		}
		a.state.Put(tx, seededKey, &emptypb.Empty{})
		used := a.inUse(tx)
		slices.Sort(used)
		for _, name := range slices.Compact(used) {
			if len(validation.IsDNS1123Subdomain(name)) > 0 || a.kind.Records.Get(tx, store.Key(name)) != nil {
				continue
			}
			now := resource.Now()
			entry := newEntry(&cmfv1.ObjectMeta{Name: name, Uid: uuid.NewString(), CreationTimestamp: now, UpdateTimestamp: now}, seed)
			entry.ApiVersion, entry.Kind = contract.APIVersion, kindName
			a.kind.Records.Put(tx, store.Key(name), entry)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("allow the service accounts in use: %w", err)
	}
	<-ctx.Done()
	return nil
}

func newEntry(metadata *cmfv1.ObjectMeta, source string) *cmfv1.ServiceAccountAllowlistEntry {
	return &cmfv1.ServiceAccountAllowlistEntry{Metadata: metadata, Status: &cmfv1.ServiceAccountAllowlistEntryStatus{Source: source}}
}

func check(entry *cmfv1.ServiceAccountAllowlistEntry) error {
	var v apierror.Violations
	if name := entry.GetMetadata().GetName(); name == "" {
		v.Addf("metadata.name: must not be empty")
	} else if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		v.Addf("metadata.name: %s", problems[0])
	}
	validate.Kind(&v, entry.GetKind(), kindName)
	validate.ObjectMetadata(&v, entry.GetMetadata())
	return v.Invalid()
}

type service struct {
	cmfv1.UnimplementedServiceAccountAllowlistServiceServer
	*Allowlist
}

func (s *service) CreateServiceAccountAllowlistEntry(ctx context.Context, req *cmfv1.CreateServiceAccountAllowlistEntryRequest) (*cmfv1.ServiceAccountAllowlistEntry, error) {
	if err := check(req.GetEntry()); err != nil {
		return nil, err
	}
	return s.kind.Create(ctx, s.store, "", newEntry(resource.UserMetadata(req.GetEntry().GetMetadata()), userAllowed), nil)
}

func (s *service) ListServiceAccountAllowlistEntries(ctx context.Context, req *cmfv1.ListServiceAccountAllowlistEntriesRequest) (*cmfv1.ServiceAccountAllowlistEntriesPage, error) {
	return resource.List[cmfv1.ServiceAccountAllowlistEntriesPage](ctx, s.store, s.kind, nil, req, resource.Detail{}, nil)
}

func (s *service) WatchServiceAccountAllowlistEntries(req *cmfv1.WatchServiceAccountAllowlistEntriesRequest, stream grpc.ServerStreamingServer[cmfv1.WatchServiceAccountAllowlistEntriesResponse]) error {
	return resource.Watch(s.watches, s.store, s.kind, stream, nil, req, nil)
}

func (s *service) GetServiceAccountAllowlistEntry(ctx context.Context, req *cmfv1.GetServiceAccountAllowlistEntryRequest) (*cmfv1.ServiceAccountAllowlistEntry, error) {
	return s.kind.Get(ctx, s.store, nil, req.GetEntryName(), resource.Detail{})
}

func (s *service) DeleteServiceAccountAllowlistEntry(ctx context.Context, req *cmfv1.DeleteServiceAccountAllowlistEntryRequest) (*cmfv1.DeleteServiceAccountAllowlistEntryResponse, error) {
	if err := s.kind.Delete(ctx, s.store, "", req.GetEntryName(), req.GetResourceVersion(), nil); err != nil {
		return nil, err
	}
	return &cmfv1.DeleteServiceAccountAllowlistEntryResponse{}, nil
}
