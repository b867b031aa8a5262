"""What an author writes: entities, sources, views, on-demand features, labels, models, products."""

from gapless.product.aggregates import Aggregate
from gapless.product.boundary import call_author
from gapless.product.entity import Entity
from gapless.product.feature_set import FeatureSet
from gapless.product.hashing import definition_hash
from gapless.product.label import Label
from gapless.product.loading import load_product
from gapless.product.model import Model
from gapless.product.names import check_name
from gapless.product.on_demand import BoundOnDemand, OnDemand, on_demand
from gapless.product.pandas_function import DerivedSource, chain_of, pandas_function, stored_columns
from gapless.product.product import Product
from gapless.product.source import Derivation, EventSource
from gapless.product.trust import Trust
from gapless.product.view import Feature, FeatureView, feature_view

__all__ = [
    "Aggregate",
    "BoundOnDemand",
    "Derivation",
    "DerivedSource",
    "Entity",
    "EventSource",
    "Feature",
    "FeatureSet",
    "FeatureView",
    "Label",
    "Model",
    "OnDemand",
    "Product",
    "Trust",
    "call_author",
    "chain_of",
    "check_name",
    "definition_hash",
    "feature_view",
    "load_product",
    "on_demand",
    "pandas_function",
    "stored_columns",
]
