// Package openapi holds the OpenAPI document of the REST API. The document is
// generated from the proto files; this file is not.
package openapi

import _ "embed"

// JSON is the OpenAPI 3.0 document.
//
//go:embed openapi.json
var JSON []byte
