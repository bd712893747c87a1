// SPDX-License-Identifier: Apache-2.0

package main

import (
	"k8s.io/client-go/tools/cache"
)

// newIndexer is the store behind an informer, with the index that listers look for.
func newIndexer() cache.Indexer {
	return cache.NewIndexer(
		cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc},
	)
}

// informer is a shared informer without an API server: its objects are put into the
// store, and its handlers are called by whoever changes them. Those that are there at
// the start are announced on demand, because not every controller has to hear of each.
type informer[Lister any] struct {
	cache.SharedIndexInformer
	objects  cache.Indexer
	lister   Lister
	handlers []cache.ResourceEventHandler
}

// newInformer has the objects of a store, and client-go's own lister of them.
func newInformer[Lister any](objects cache.Indexer, lister func(cache.Indexer) Lister) *informer[Lister] {
	return &informer[Lister]{objects: objects, lister: lister(objects)}
}

func (i *informer[Lister]) Informer() cache.SharedIndexInformer { return i }

func (i *informer[Lister]) Lister() Lister { return i.lister }

func (i *informer[Lister]) HasSynced() bool { return true }

func (i *informer[Lister]) AddEventHandler(
	handler cache.ResourceEventHandler,
) (cache.ResourceEventHandlerRegistration, error) {
	i.handlers = append(i.handlers, handler)
	return nil, nil
}

// announce tells the handlers of all objects that are there.
func (i *informer[Lister]) announce() {
	for _, object := range i.objects.List() {
		for _, handler := range i.handlers {
			handler.OnAdd(object, true)
		}
	}
}

func (i *informer[Lister]) add(object any) error {
	if err := i.objects.Add(object); err != nil {
		return err
	}
	for _, handler := range i.handlers {
		handler.OnAdd(object, false)
	}
	return nil
}

func (i *informer[Lister]) remove(object any) error {
	if err := i.objects.Delete(object); err != nil {
		return err
	}
	for _, handler := range i.handlers {
		handler.OnDelete(object)
	}
	return nil
}
