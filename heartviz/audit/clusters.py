"""Kinds of maps in a set of films: a shortcut that some films share shows as a cluster of its own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse.csgraph import laplacian
from sklearn.cluster import KMeans
from sklearn.neighbors import LocalOutlierFactor, kneighbors_graph

NEIGHBOURS = 8
MOST_CLUSTERS = 6
FEWEST_MAPS = 16
OUTLIERS = 6


@dataclass(frozen=True)
class MapClusters:
    """Cluster of each map (n,), 0 the largest; places (n, 2) to draw them at; eigenvalues of the graph's Laplacian.

    `outliers` are the maps least like their neighbours, the strangest first.
    """

    labels: NDArray[np.int64]
    places: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    outliers: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max()) + 1


def cluster_maps(maps: NDArray[np.float32], seed: int = 0) -> MapClusters | None:
    """Spectral clusters of maps (n, h, w) that sum to 1 each; None for fewer than 16 of them.

    Maps are compared by their square roots (Hellinger distance), each joined to its 8 nearest neighbours; the number
    of clusters is where the Laplacian's eigenvalues leave their widest gap, 2 to 6. Source: spectral relevance
    analysis, Lapuschkin 2019.
    """
    count = len(maps)
    if count < FEWEST_MAPS:
        return None
    roots = np.sqrt(maps.reshape(count, -1).astype(np.float64))
    graph = kneighbors_graph(roots, min(NEIGHBOURS, count - 1), include_self=False).toarray()
    graph = np.maximum(graph, graph.T)
    values, vectors = eigh(laplacian(graph, normed=True))
    gaps = np.diff(values[1 : MOST_CLUSTERS + 1])
    wanted = 2 + int(np.argmax(gaps))
    embedded = vectors[:, :wanted] / np.maximum(1e-12, np.linalg.norm(vectors[:, :wanted], axis=1, keepdims=True))
    raw = KMeans(wanted, n_init=10, random_state=seed).fit_predict(embedded)
    order = np.argsort(-np.bincount(raw, minlength=wanted), kind="stable")
    scores = -LocalOutlierFactor(min(NEIGHBOURS, count - 1)).fit(roots).negative_outlier_factor_
    return MapClusters(
        labels=np.argsort(order)[raw],
        places=vectors[:, 1:3],
        eigenvalues=values[: MOST_CLUSTERS + 1],
        outliers=np.argsort(-scores, kind="stable")[:OUTLIERS],
    )
