// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"reflect"

	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
)

// memory is the API server's storage without etcd: objects are encoded when they
// are written and decoded when they are read, as they are there.
type memory struct {
	codec    runtime.Codec
	objects  map[string]entry
	revision uint64
}

type entry struct {
	data     []byte
	revision uint64
}

var _ storage.Interface = &memory{}

var errNotServed = errors.New("not served in memory")

// options make the API server's stores use this storage.
func (m *memory) options() generic.RESTOptions {
	return generic.RESTOptions{
		StorageConfig: &storagebackend.ConfigForResource{Config: storagebackend.Config{Codec: m.codec}},
		Decorator: func(
			*storagebackend.ConfigForResource, string, func(runtime.Object) (string, error), func() runtime.Object,
			func() runtime.Object, storage.AttrFunc, storage.IndexerFuncs, *cache.Indexers,
		) (storage.Interface, factory.DestroyFunc, error) {
			return m, func() {}, nil
		},
		ResourcePrefix: "services",
	}
}

func (m *memory) clear() {
	m.objects, m.revision = map[string]entry{}, 0
}

func (m *memory) Versioner() storage.Versioner { return storage.APIObjectVersioner{} }

func (m *memory) Create(_ context.Context, key string, obj, out runtime.Object, _ uint64) error {
	if _, found := m.objects[key]; found {
		return storage.NewKeyExistsError(key, 0)
	}
	return m.write(key, obj, out)
}

func (m *memory) write(key string, obj, out runtime.Object) error {
	if err := m.Versioner().PrepareObjectForStorage(obj); err != nil {
		return err
	}
	data, err := runtime.Encode(m.codec, obj)
	if err != nil {
		return err
	}
	m.revision++
	m.objects[key] = entry{data, m.revision}
	return m.read(m.objects[key], out)
}

func (m *memory) read(found entry, out runtime.Object) error {
	if out == nil {
		return nil
	}
	// Decoding leaves alone what the data do not mention.
	value, err := conversion.EnforcePtr(out)
	if err != nil {
		return err
	}
	value.Set(reflect.Zero(value.Type()))
	if _, _, err := m.codec.Decode(found.data, nil, out); err != nil {
		return err
	}
	return m.Versioner().UpdateObject(out, found.revision)
}

func (m *memory) Get(_ context.Context, key string, opts storage.GetOptions, out runtime.Object) error {
	found, ok := m.objects[key]
	if ok {
		return m.read(found, out)
	}
	if opts.IgnoreNotFound {
		return runtime.SetZeroValue(out)
	}
	return storage.NewKeyNotFoundError(key, 0)
}

func (m *memory) Delete(
	ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions,
	validate storage.ValidateObjectFunc, _ runtime.Object, _ storage.DeleteOptions,
) error {
	if err := m.Get(ctx, key, storage.GetOptions{}, out); err != nil {
		return err
	}
	if err := preconditions.Check(key, out); err != nil {
		return err
	}
	if err := validate(ctx, out); err != nil {
		return err
	}
	delete(m.objects, key)
	return nil
}

func (m *memory) GuaranteedUpdate(
	ctx context.Context, key string, out runtime.Object, ignoreNotFound bool,
	preconditions *storage.Preconditions, update storage.UpdateFunc, _ runtime.Object,
) error {
	value, err := conversion.EnforcePtr(out)
	if err != nil {
		return err
	}
	current := reflect.New(value.Type()).Interface().(runtime.Object)
	if err := m.Get(ctx, key, storage.GetOptions{IgnoreNotFound: ignoreNotFound}, current); err != nil {
		return err
	}
	if err := preconditions.Check(key, current); err != nil {
		return err
	}
	revision := m.objects[key].revision
	updated, _, err := update(current, storage.ResponseMeta{ResourceVersion: revision})
	if err != nil {
		return err
	}
	return m.write(key, updated, out)
}

// What creating, updating and deleting single objects does not need.

func (m *memory) Watch(context.Context, string, storage.ListOptions) (watch.Interface, error) {
	return nil, errNotServed
}

func (m *memory) GetList(context.Context, string, storage.ListOptions, runtime.Object) error {
	return errNotServed
}

func (m *memory) Stats(context.Context) (storage.Stats, error) {
	return storage.Stats{ObjectCount: int64(len(m.objects))}, nil
}

func (m *memory) ReadinessCheck() error { return nil }

func (m *memory) RequestWatchProgress(context.Context) error { return errNotServed }

func (m *memory) GetCurrentResourceVersion(context.Context) (uint64, error) { return m.revision, nil }

func (m *memory) EnableResourceSizeEstimation(storage.KeysFunc) error { return nil }

func (m *memory) CompactRevision() int64 { return 0 }
