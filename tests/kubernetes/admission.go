// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/apis/discovery/install"
	endpointsstorage "k8s.io/kubernetes/pkg/registry/core/endpoint/storage"
	slicestorage "k8s.io/kubernetes/pkg/registry/discovery/endpointslice/storage"
)

// endpointsRequest is one question: an EndpointSlice or an Endpoints object, and
// what is stored under its name.
type endpointsRequest struct {
	Object map[string]any `json:"object"`
	Old    map[string]any `json:"old"`
}

// registry is the API server's storage of one kind of object.
type registry struct {
	objects  *memory
	store    *genericregistry.Store
	version  schema.GroupVersion
	resource string
}

// registries are those of EndpointSlices and of Endpoints, by kind.
type registries map[string]*registry

func newRegistries() registries {
	slices := newRegistry(discoveryv1.SchemeGroupVersion, "endpointslices",
		func(options generic.RESTOptions) (*genericregistry.Store, error) {
			made, err := slicestorage.NewREST(options)
			return made.Store, err
		})
	endpoints := newRegistry(corev1.SchemeGroupVersion, "endpoints",
		func(options generic.RESTOptions) (*genericregistry.Store, error) {
			made, err := endpointsstorage.NewREST(options)
			return made.Store, err
		})
	return registries{"EndpointSlice": slices, "Endpoints": endpoints}
}

func newRegistry(
	version schema.GroupVersion, resource string,
	store func(generic.RESTOptions) (*genericregistry.Store, error),
) *registry {
	made := &registry{
		objects:  &memory{codec: legacyscheme.Codecs.LegacyCodec(version)},
		version:  version,
		resource: resource,
	}
	options := made.objects.options()
	options.ResourcePrefix = resource
	var err error
	if made.store, err = store(options); err != nil {
		panic(err)
	}
	return made
}

// admit answers a request, of which nothing is left behind.
func (r registries) admit(asked *endpointsRequest) (apiResponse, error) {
	kind, _ := asked.Object["kind"].(string)
	registry := r[kind]
	if registry == nil {
		return apiResponse{}, fmt.Errorf("unknown kind %q", kind)
	}
	registry.objects.clear()
	verb, code := "create", int32(201)
	if asked.Old != nil {
		verb, code = "update", 200
		if err := registry.put(asked.Old); err != nil {
			return apiResponse{}, err
		}
	}
	object, err := registry.decoded(asked.Object)
	if err != nil {
		return refused(err), nil
	}
	ctx, name := registry.context(verb, object)
	if asked.Old == nil {
		_, err = registry.store.Create(ctx, object, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	} else {
		info := rest.DefaultUpdatedObjectInfo(object)
		any, anyUpdate := rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc
		_, _, err = registry.store.Update(ctx, name, info, any, anyUpdate, false, &metav1.UpdateOptions{})
	}
	if err != nil {
		return refused(err), nil
	}
	return apiResponse{Code: code}, nil
}

// put stores an object as it is, whatever today's rules say of it.
func (r *registry) put(body map[string]any) error {
	object, err := r.decoded(body)
	if err != nil {
		return err
	}
	ctx, name := r.context("create", object)
	key, err := r.store.KeyFunc(ctx, name)
	if err != nil {
		return err
	}
	return r.objects.Create(ctx, key, object, nil, 0)
}

func (r *registry) decoded(body map[string]any) (runtime.Object, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	object := r.store.NewFunc()
	return object, runtime.DecodeInto(r.objects.codec, text, object)
}

// context says what the API server's handler chain knows of a request.
func (r *registry) context(verb string, object runtime.Object) (context.Context, string) {
	metadata, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	prefix := "apis"
	if r.version.Group == "" {
		prefix = "api"
	}
	ctx := genericapirequest.WithNamespace(context.Background(), metadata.GetNamespace())
	return genericapirequest.WithRequestInfo(ctx, &genericapirequest.RequestInfo{
		IsResourceRequest: true,
		Verb:              verb,
		APIPrefix:         prefix,
		APIGroup:          r.version.Group,
		APIVersion:        r.version.Version,
		Namespace:         metadata.GetNamespace(),
		Resource:          r.resource,
		Name:              metadata.GetName(),
	}), metadata.GetName()
}
