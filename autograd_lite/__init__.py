"""x"""
from .engine import Value
