import numpy as np, os
from covertreex.api import PCCT, Runtime
from covertreex.metrics import build_residual_backend, configure_residual_correlation

points = np.arange(64, dtype=np.float64).reshape(-1, 1)
b = build_residual_backend(points, seed=99, inducing_count=128, variance=1.0, lengthscale=1.0, chunk_size=64)
configure_residual_correlation(b)
os.environ["COVERTREEX_RESIDUAL_PARITY"] = "1"
os.environ["COVERTREEX_ENABLE_RUST"] = "1"

rt_base = Runtime(backend="numpy", precision="float64", metric="residual_correlation",
                  enable_sparse_traversal=True, residual_use_static_euclidean_tree=True,
                  batch_order="natural")
rt_numba = rt_base.with_updates(enable_numba=True, enable_rust=False, engine="python-numba")
rt_rust  = rt_base.with_updates(enable_numba=False, enable_rust=True,  engine="rust-hilbert")

tree_n = PCCT(rt_numba).fit(points, mis_seed=7)
tree_r = PCCT(rt_rust).fit(points, mis_seed=7)
queries = np.arange(16, dtype=np.int64).reshape(-1, 1)
_, dn = PCCT(rt_numba, tree_n).knn(queries, k=1, return_distances=True)
_, dr = PCCT(rt_rust,  tree_r).knn(queries, k=1, return_distances=True)
print("max |diff|", np.max(np.abs(dn - dr)))
print("numba first10", dn.flatten()[:10])
print("rust  first10", dr.flatten()[:10])
