// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/endpoint"
	"k8s.io/kubernetes/pkg/controller/endpointslice"
	"k8s.io/kubernetes/pkg/controller/endpointslicemirroring"
)

const (
	// One after the other, so that the same questions are answered by the same steps.
	workers = 1
	// How long changes are gathered before they are looked at.
	batchPeriod = 0
)

// controller is one that runs: where it hears of the object of a question, how much
// it has left to do, and what it wrote.
type controller struct {
	objects interface {
		add(object any) error
		remove(object any) error
	}
	queue  *workload
	client *client
}

// during takes an answer while there is an object, once the controller has done what
// it does for it; afterwards everything is as before.
func (c *controller) during(object any, answer func()) error {
	if err := c.objects.add(object); err != nil {
		return err
	}
	if err := c.queue.wait(); err != nil {
		return err
	}
	answer()
	if err := c.objects.remove(object); err != nil {
		return err
	}
	if err := c.queue.wait(); err != nil {
		return err
	}
	c.client.forget()
	return nil
}

func startSliceController(ctx context.Context, of *cluster, before cache.Indexer) (*controller, error) {
	services := newInformer(newIndexer(), corelisters.NewServiceLister)
	listed := make(chan struct{}, 2)
	nodes := newInformer(of.nodes, func(objects cache.Indexer) corelisters.NodeLister {
		return nodeLister{corelisters.NewNodeLister(objects), listed}
	})
	client := newClient(before)
	made, queue, err := metered("endpoint_slice", func() *endpointslice.Controller {
		return endpointslice.NewController(
			ctx,
			newInformer(of.pods, corelisters.NewPodLister),
			services,
			nodes,
			newInformer(before, discoverylisters.NewEndpointSliceLister),
			of.maxEndpointsPerSlice,
			client,
			batchPeriod,
		)
	})
	if err != nil {
		return nil, err
	}
	nodes.announce()
	go made.Run(ctx, workers)
	// The hints of topology-mode depend on what all nodes have together, which is
	// worked out in a queue of its own. When it is worked out again, it was before.
	for range cap(listed) {
		if len(of.nodes.ListKeys()) == 0 {
			break
		}
		select {
		case <-listed:
			nodes.announce()
		case <-time.After(syncLimit):
			return nil, errors.New("the EndpointSlice controller did not look at the nodes")
		}
	}
	return &controller{services, queue, client}, nil
}

// nodeLister says when all nodes are looked at.
type nodeLister struct {
	corelisters.NodeLister
	listed chan<- struct{}
}

func (l nodeLister) List(selector labels.Selector) ([]*corev1.Node, error) {
	select {
	case l.listed <- struct{}{}:
	default:
	}
	return l.NodeLister.List(selector)
}

func startLegacyController(ctx context.Context, of *cluster) (*controller, error) {
	services := newInformer(newIndexer(), corelisters.NewServiceLister)
	client := newClient(newIndexer())
	made, queue, err := metered("endpoint", func() *endpoint.Controller {
		return endpoint.NewEndpointController(
			ctx,
			newInformer(of.pods, corelisters.NewPodLister),
			services,
			newInformer(newIndexer(), corelisters.NewEndpointsLister),
			client,
			batchPeriod,
		)
	})
	if err != nil {
		return nil, err
	}
	go made.Run(ctx, workers)
	return &controller{services, queue, client}, nil
}

func startMirroring(ctx context.Context, of *cluster) (*controller, error) {
	endpoints := newInformer(newIndexer(), corelisters.NewEndpointsLister)
	none := newIndexer()
	client := newClient(none)
	made, queue, err := metered("endpoint_slice_mirroring", func() *endpointslicemirroring.Controller {
		return endpointslicemirroring.NewController(
			ctx,
			endpoints,
			newInformer(none, discoverylisters.NewEndpointSliceLister),
			newInformer(of.services, corelisters.NewServiceLister),
			maxMirroredPerSubset,
			client,
			batchPeriod,
		)
	})
	if err != nil {
		return nil, err
	}
	go made.Run(ctx, workers)
	return &controller{endpoints, queue, client}, nil
}
