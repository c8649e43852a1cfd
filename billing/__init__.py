"""Invoices from charges: pure, beside rating; imports only `schemas`."""
