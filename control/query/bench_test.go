package query

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/query/fields"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// application is a resource with a state that its message does not have.
type application struct {
	*cmfv1.FlinkApplication
	state string
}

func metadataOf(a application) *cmfv1.ObjectMeta { return a.GetMetadata() }

var applications = &List[application]{
	Plural:     "applications",
	Name:       func(a application) string { return a.GetMetadata().GetName() },
	Sort:       Described(metadataOf, nil),
	Filterable: true,
	Labels:     func(a application) map[string]string { return a.GetMetadata().GetLabels() },
	Attributes: map[string]func(application) string{"state": func(a application) string { return a.state }},
	Message:    Descriptor[*cmfv1.FlinkApplication](),
}

// manyApplications come in no order.
func manyApplications(n int) []application {
	random := rand.New(rand.NewPCG(1, 2))
	items := make([]application, n)
	for i, number := range random.Perm(n) {
		items[i] = application{
			FlinkApplication: &cmfv1.FlinkApplication{
				ApiVersion: "cmf.confluent.io/v1",
				Kind:       "FlinkApplication",
				Metadata: &cmfv1.ObjectMeta{
					Name:              fmt.Sprintf("prod-orders-%06d", number),
					Uid:               fmt.Sprintf("uid-%06d", number),
					CreationTimestamp: &timestamppb.Timestamp{Seconds: int64(random.IntN(1000))},
					UpdateTimestamp:   &timestamppb.Timestamp{Seconds: int64(random.IntN(1000))},
					Labels:            map[string]string{"env": []string{"prod", "qa"}[number%2], "team": "payments"},
				},
				Spec: &cmfv1.JsonObject{Json: `{"image":"flink:2.0","flinkConfiguration":{"taskmanager.numberOfTaskSlots":"4"},"job":{"parallelism":3}}`},
			},
			state: []string{"RUNNING", "FAILED", "SUSPENDED"}[number%3],
		}
	}
	return items
}

func BenchmarkRun10000(b *testing.B) {
	items := manyApplications(10_000)
	size := proto.Int32(100)
	for _, bench := range []struct {
		name   string
		params Params
	}{
		{"plain", Params{Size: size}},
		{"filter", Params{Size: size, Filter: "name=prod*9,labels.env in (prod, dev),state=RUNNING"}},
		{"sort", Params{Size: size, Sort: []string{"creationTimestamp,desc"}}},
		{"filter and sort", Params{Size: size, Filter: "labels.env=prod", Sort: []string{"updateTimestamp,desc"}}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q, err := Parse(applications, bench.params)
				if err != nil {
					b.Fatal(err)
				}
				q.Run(items)
			}
		})
	}
}

func BenchmarkProject100(b *testing.B) {
	q, err := Parse(applications, Params{Size: proto.Int32(100), Fields: "metadata.name,spec.flinkConfiguration.taskmanager.numberOfTaskSlots"})
	if err != nil {
		b.Fatal(err)
	}
	page := q.Run(manyApplications(100))
	b.ReportAllocs()
	for b.Loop() {
		for _, item := range page.Items {
			fields.Apply(q.Fields, item.FlinkApplication)
		}
	}
}
