"""Radiographs made from CTs and vertebra masks, and the two networks trained on them."""
