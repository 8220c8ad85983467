// Command protoc-gen-weir-openapi writes the OpenAPI 3.0 document of the REST
// API from the proto files. The stock generators know nothing of the options
// (cmf.v1.rest) and (cmf.v1.always), nor that JsonObject is an open object and
// int64 a JSON number in this API, so what they write is not what is served.
package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	protogen.Options{}.Run(func(plugin *protogen.Plugin) error {
		plugin.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		doc, err := generate(plugin)
		if err != nil {
			return err
		}
		text, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			return fmt.Errorf("encode the document: %w", err)
		}
		_, err = plugin.NewGeneratedFile("openapi.json", "").Write(append(text, '\n'))
		return err
	})
}

func generate(plugin *protogen.Plugin) (*document, error) {
	options, err := newOptionReader(plugin.Request.GetProtoFile())
	if err != nil {
		return nil, err
	}
	doc := newDocument()
	schemas := &schemaWriter{options: options, components: doc.Components.Schemas}
	for _, file := range plugin.Files {
		if !file.Generate {
			continue
		}
		for _, service := range file.Services {
			if err := addService(doc, schemas, service); err != nil {
				return nil, err
			}
		}
	}
	return doc, addErrorSchema(plugin, doc, schemas)
}

// addService adds the operations of the methods that have a REST face.
func addService(doc *document, schemas *schemaWriter, service *protogen.Service) error {
	exposed := false
	for _, method := range service.Methods {
		rule, ok := proto.GetExtension(method.Desc.Options(), annotations.E_Http).(*annotations.HttpRule)
		if !ok || rule == nil {
			continue
		}
		exposed = true
		if err := addOperation(doc, schemas, method, rule); err != nil {
			return fmt.Errorf("%s: %w", method.Desc.FullName(), err)
		}
	}
	if exposed {
		doc.Tags = append(doc.Tags, tag{Name: tagOf(service), Description: prose(service.Comments.Leading)})
		slices.SortFunc(doc.Tags, func(a, b tag) int { return strings.Compare(a.Name, b.Name) })
	}
	return nil
}

// addErrorSchema adds RestError, which no method names.
func addErrorSchema(plugin *protogen.Plugin, doc *document, schemas *schemaWriter) error {
	for _, file := range plugin.Files {
		for _, message := range file.Messages {
			if message.Desc.FullName() == "cmf.v1.RestError" {
				schemas.reference(message, answered)
				return nil
			}
		}
	}
	return fmt.Errorf("the message cmf.v1.RestError is missing")
}

func tagOf(service *protogen.Service) string {
	return strings.TrimSuffix(string(service.Desc.Name()), "Service")
}

// prose turns a comment into paragraphs without the line breaks of the source.
func prose(comment protogen.Comments) string {
	var paragraphs []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(string(comment)), "\n\n") {
		paragraphs = append(paragraphs, strings.Join(strings.Fields(paragraph), " "))
	}
	return strings.Join(paragraphs, "\n\n")
}
