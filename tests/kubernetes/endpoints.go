// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/klog/v2"
)

// endpointControllers are the controllers of kube-controller-manager that write
// endpoints. They run as they do there, with one worker each, from the first question
// about a cluster until the next cluster is applied.
//
// A question is the life of one object. The controller hears of a Service that was
// made, and works until nothing is left in its queue: what it wrote by then is the
// answer. Then it hears that the Service is gone, and forgets it, so that no question
// depends on the one before. What it writes is not shown to it, as if its informers
// were late; what was there before is all that it starts from.
//
// A controller tries again after an error, such as a pod on a node that is gone, but
// a second later at the earliest. The answer is what it did at first; by the time of
// the second attempt the Service is gone, or else the controller sees that what it
// wrote has not come back yet, and waits again.
type endpointControllers struct {
	cluster *cluster
	stop    context.CancelFunc

	// Started when they are asked for the first time.
	fromNothing, fromSlices, legacy, mirroring func() (*controller, error)
}

func newEndpointControllers() *endpointControllers {
	made := &endpointControllers{stop: func() {}}
	made.use(newCluster())
	return made
}

// apply makes a cluster the state, whatever it was before; its controllers are new.
func (c *endpointControllers) apply(text json.RawMessage) error {
	applied, err := decoded(text)
	if err == nil {
		c.use(applied)
	}
	return err
}

func (c *endpointControllers) use(applied *cluster) {
	c.stop()
	c.cluster = applied
	// Logging would cost more than what is logged.
	ctx, stop := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
	c.stop = stop
	c.fromNothing = sync.OnceValues(func() (*controller, error) {
		return startSliceController(ctx, applied, newIndexer())
	})
	c.fromSlices = sync.OnceValues(func() (*controller, error) {
		return startSliceController(ctx, applied, applied.slices)
	})
	c.legacy = sync.OnceValues(func() (*controller, error) { return startLegacyController(ctx, applied) })
	c.mirroring = sync.OnceValues(func() (*controller, error) { return startMirroring(ctx, applied) })
}

// endpointSlices gives the slices of a Service that had none.
func (c *endpointControllers) endpointSlices(of *namespacedName) ([]discoveryv1.EndpointSlice, error) {
	return c.slicesFrom(c.fromNothing, *of)
}

// syncedSlices gives the slices of a Service that had those of the cluster.
func (c *endpointControllers) syncedSlices(of *namespacedName) ([]discoveryv1.EndpointSlice, error) {
	return c.slicesFrom(c.fromSlices, *of)
}

func (c *endpointControllers) slicesFrom(
	start func() (*controller, error), of namespacedName,
) (found []discoveryv1.EndpointSlice, err error) {
	controller, err := start()
	if err != nil {
		return nil, err
	}
	service := c.cluster.service(of)
	if service == nil {
		return controller.client.linked(of), nil
	}
	err = controller.during(service, func() { found = controller.client.linked(of) })
	return found, err
}

// legacyEndpoints gives the Endpoints object of a Service that had none, if there is one now.
func (c *endpointControllers) legacyEndpoints(of *namespacedName) (found []corev1.Endpoints, err error) {
	controller, err := c.legacy()
	if err != nil {
		return nil, err
	}
	service := c.cluster.service(*of)
	if service == nil {
		return controller.client.legacy(*of), nil
	}
	err = controller.during(service, func() { found = controller.client.legacy(*of) })
	return found, err
}

// mirroredSlices gives the slices that mirror an Endpoints object which somebody wrote.
func (c *endpointControllers) mirroredSlices(item *corev1.Endpoints) (found []discoveryv1.EndpointSlice, err error) {
	controller, err := c.mirroring()
	if err != nil {
		return nil, err
	}
	err = controller.during(item, func() { found = controller.client.linked(nameOf(item)) })
	return found, err
}
