// Package query is what every list of the API has in common: pages, order,
// filter, search and projection. Each kind of resource declares once, as a
// Kind, what its list allows; Parse checks the parameters of a request against
// that, and Run applies them to the resources.
//
//	q, err := query.Parse(query.Environments, query.ParamsOf(request))
//	page := q.Run(environments)
//	items := fields.ApplyAll(q.Fields, page.Items)
//
// Nothing here does I/O. The language of filters is in package filter and that
// of projections in package fields.
package query
