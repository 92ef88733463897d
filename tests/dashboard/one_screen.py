"""Draws the one screen that the test named; run by Streamlit's AppTest, not collected."""

import importlib

import streamlit as st

importlib.import_module(f"dashboard.screens.{st.session_state['screen']}").show()
