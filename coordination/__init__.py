"""Departmental coordination (多规合一业务协同): projects, checks, opinions, clearance, handover."""
