// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
)

// How long a controller may take for what is in its queue.
const syncLimit = 10 * time.Second

// workload says how much is left in the queue of a controller. It is given to the
// queue as two of its metrics, because these are told of each item that is put in
// and of each that is done. Items that wait for a retry are not in the queue.
type workload struct {
	mutex   sync.Mutex
	metered bool
	left    int
	none    chan struct{}
}

// Inc is the metric of what was put in.
func (w *workload) Inc() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.left++
}

// Observe is the metric of the time that an item took; by now it is done.
func (w *workload) Observe(float64) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.left--
	if w.left == 0 && w.none != nil {
		close(w.none)
		w.none = nil
	}
}

// wait returns once the controller has done all that it was told to do.
func (w *workload) wait() error {
	w.mutex.Lock()
	if w.left == 0 {
		w.mutex.Unlock()
		return nil
	}
	none := make(chan struct{})
	w.none = none
	w.mutex.Unlock()
	limit := time.NewTimer(syncLimit)
	defer limit.Stop()
	select {
	case <-none:
		return nil
	case <-limit.C:
		return fmt.Errorf("the controller was not done within %v", syncLimit)
	}
}

// meters hands out workloads as metrics, by the names of queues.
type meters map[string]*workload

var queues = meters{}

// Queues ask for their metrics when they are made, so this has to come before.
func init() { workqueue.SetProvider(queues) }

// metered makes a controller and gives the workload of its queue.
func metered[Controller any](queue string, make func() Controller) (Controller, *workload, error) {
	of := &workload{}
	queues[queue] = of
	made := make()
	delete(queues, queue)
	if !of.metered {
		return made, nil, fmt.Errorf("the controller has no queue of the name %q", queue)
	}
	return made, of, nil
}

func (m meters) NewAddsMetric(name string) workqueue.CounterMetric {
	if of := m[name]; of != nil {
		of.metered = true
		return of
	}
	return ignored{}
}

func (m meters) NewWorkDurationMetric(name string) workqueue.HistogramMetric {
	if of := m[name]; of != nil {
		return of
	}
	return ignored{}
}

func (meters) NewDepthMetric(string) workqueue.GaugeMetric       { return ignored{} }
func (meters) NewLatencyMetric(string) workqueue.HistogramMetric { return ignored{} }
func (meters) NewRetriesMetric(string) workqueue.CounterMetric   { return ignored{} }
func (meters) NewUnfinishedWorkSecondsMetric(string) workqueue.SettableGaugeMetric {
	return ignored{}
}
func (meters) NewLongestRunningProcessorSecondsMetric(string) workqueue.SettableGaugeMetric {
	return ignored{}
}

type ignored struct{}

func (ignored) Inc()            {}
func (ignored) Dec()            {}
func (ignored) Set(float64)     {}
func (ignored) Observe(float64) {}
