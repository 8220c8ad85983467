package query

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/query/fields"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// manyApplications come in no order.
func manyApplications(n int) []Application {
	random := rand.New(rand.NewPCG(1, 2))
	items := make([]Application, n)
	for i, number := range random.Perm(n) {
		items[i] = Application{
			FlinkApplication: &cmfv1.FlinkApplication{
				ApiVersion: "cmf.confluent.io/v1",
				Kind:       "FlinkApplication",
				Metadata: &cmfv1.ObjectMeta{
					Name:              fmt.Sprintf("prod-orders-%06d", number),
					Uid:               fmt.Sprintf("uid-%06d", number),
					CreationTimestamp: at(int64(random.IntN(1000))),
					Labels:            map[string]string{"env": []string{"prod", "qa"}[number%2], "team": "payments"},
				},
				Spec: &cmfv1.JsonObject{Json: `{"image":"flink:2.0","flinkConfiguration":{"taskmanager.numberOfTaskSlots":"4"},"job":{"parallelism":3}}`},
			},
			State:       []string{"RUNNING", "FAILED", "SUSPENDED"}[number%3],
			SpecUpdated: time.Unix(int64(random.IntN(1000)), 0),
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
				q, err := Parse(Applications, bench.params)
				if err != nil {
					b.Fatal(err)
				}
				q.Run(items)
			}
		})
	}
}

func BenchmarkProject100(b *testing.B) {
	q, err := Parse(Applications, Params{Size: proto.Int32(100), Fields: "metadata.name,spec.flinkConfiguration.taskmanager.numberOfTaskSlots"})
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
