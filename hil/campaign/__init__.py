"""Campaigns: many seeded trials of one kind of fault, judged from outside."""
